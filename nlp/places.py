"""Places that can be told by a list or a form: countries and postcodes. Knows no street and no city."""

from __future__ import annotations

import re

_COUNTRY_NAMES = """
Afghanistan|Albania|Algeria|Andorra|Angola|Argentina|Armenia|Australia|Austria|Azerbaijan|Bahamas|Bahrain
|Bangladesh|Barbados|Belarus|Belgium|Belize|Benin|Bhutan|Bolivia|Bosnia and Herzegovina|Bosnia|Botswana
|Brazil|Brunei|Bulgaria|Burkina Faso|Burundi|Cambodia|Cameroon|Canada|Cape Verde|Chile|Colombia|Costa Rica
|Croatia|Cuba|Cyprus|Czech Republic|Czechia|Denmark|Djibouti|Dominican Republic|Ecuador|Egypt|El Salvador
|England|Eritrea|Estonia|Ethiopia|Fiji|Finland|France|Gabon|Gambia|Germany|Ghana|Great Britain|Greece
|Greenland|Guatemala|Guyana|Haiti|Honduras|Hong Kong|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland
|Israel|Italy|Ivory Coast|Jamaica|Japan|Kazakhstan|Kenya|Kosovo|Kuwait|Kyrgyzstan|Laos|Latvia|Lebanon
|Lesotho|Liberia|Libya|Liechtenstein|Lithuania|Luxembourg|Madagascar|Malawi|Malaysia|Maldives|Malta
|Mauritania|Mauritius|Mexico|Moldova|Monaco|Mongolia|Montenegro|Morocco|Mozambique|Myanmar|Namibia|Nepal
|Netherlands|New Zealand|Nicaragua|Nigeria|North Macedonia|Northern Ireland|Norway|Oman|Pakistan|Palestine
|Panama|Papua New Guinea|Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|Romania|Russia|Rwanda
|Saudi Arabia|Scotland|Senegal|Serbia|Seychelles|Sierra Leone|Singapore|Slovakia|Slovenia|Somalia
|South Africa|South Korea|Spain|Sri Lanka|Sudan|Suriname|Sweden|Switzerland|Syria|Taiwan|Tajikistan
|Tanzania|Thailand|Tunisia|Turkmenistan|Türkiye|Uganda|Ukraine|United Arab Emirates|United Kingdom
|United States of America|United States|Uruguay|Uzbekistan|Venezuela|Vietnam|Wales|Yemen|Zambia|Zimbabwe
"""
"""Names that are also people, cities or goods (Georgia, Jordan, Chad, Turkey, China ...) are left out."""

COUNTRIES = re.compile(
    r"(?<![\w-])(?:the\s+)?("
    + "|".join(
        re.escape(name.strip()).replace(r"\ ", r"\s+")
        for name in sorted(_COUNTRY_NAMES.replace("\n", "").split("|"), key=len, reverse=True)
    )
    + r")(?![\w-])",
    re.IGNORECASE,
)

POSTCODES = re.compile(r"(?<![\w-])(?:GIR 0AA|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})(?![\w-])", re.IGNORECASE)
"""Postcodes of the United Kingdom; those of other countries are bare numbers, which prove nothing."""

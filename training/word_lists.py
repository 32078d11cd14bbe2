"""Names, places, products and loose times that made-up values are drawn from. Only lists."""

from __future__ import annotations

_FIRST = """
Anna Tom Priya Mohammed Chloe Sean Agnieszka Wei Fatima Oliver Grace Kwame Sofia Liam Ngozi Hannah Rajesh
Elena Jack Mei Yusuf Emily Pavel Aisha George Ingrid Carlos Leila Daniel Siobhan Hiroshi Zara Peter Ruth
Dmitri Amara Lucy Ahmed Margaret Jonas Deepa Callum Marta Victor Nia Harriet Omar Katarzyna Ben Isla Thabo
Rosa Stephen Yuki Gareth Beth Sanjay Claire Mateusz Alice Ivan Joanna Kofi Eleanor Hassan Molly Arjun
Freya Marco Denise Tariq Paula Rhys Noor Simon Lena Colin Anjali Dylan Astrid Femi Janet Luca Helen Vikram
Megan Patrick Olga Nathan Sunita Erik Maya Trevor Ada Caroline Jamal Lotte Graham Mina Bill Wendy Abdul
Charlotte Hugo Keira Sam Julia Rob Theresa Alistair Bronwyn
"""
FIRST = tuple(_FIRST.split())
_LAST = """
Kowalski Bennett Shah Khan Dupont Murphy Nowak Chen Rahman Wright Okafor Fraser Petrova Lindqvist Garcia
Haddad Thompson O'Connor Tanaka Ahmed Lowe Campbell Ivanov Mensah Hughes Ali Whitfield Weber Nair MacLeod
Silva Horvath Evans Hussain Bergstrom Ncube Romano Ferguson Mori Lloyd Armstrong Patel Gallagher Wojcik
Bell Smirnov Lewis Adeyemi Marsh Farooq Clarke Iyer Donnelly Ricci Pritchard Malik Osborne Gupta Barker
Jensen Sharma Reid Hansen Boateng Doyle Fischer Mukherjee Stone Kaur Vaughan Novak Atkinson Desai Larsen
Walsh Singh Hartley Costa Byrne Greene Akhtar Sutton Rossi Pearce Kimura Barnes Joshi Quinn Baxter Diaz
Coleman Hill Moreau Price Young Fox Wood Rose Banks
"""
LAST = tuple(_LAST.split())
_CITIES = """
Leeds|Bristol|Manchester|Glasgow|Cardiff|Edinburgh|Brighton|Norwich|York|Sheffield|Swansea|Aberdeen|Exeter
|Derby|Nottingham|Liverpool|Plymouth|Inverness|Cambridge|Oxford|Bath|Newcastle|Stoke-on-Trent
|Milton Keynes|Belfast|Dundee|Reading|Hull|Truro|Carlisle|Southampton|London|Birmingham|Leicester|Coventry
|Lancaster|Durham|Perth|Stirling|Oban|Kendal|Whitby|St Albans|Bury St Edmunds|King's Lynn|Berlin|Hamburg
|Munich|Paris|Lyon|Madrid|Barcelona|Lisbon|Porto|Rome|Milan|Dublin|Cork|Galway|Oslo|Bergen|Stockholm
|Gothenburg|Copenhagen|Helsinki|Warsaw|Krakow|Prague|Vienna|Zurich|Geneva|Amsterdam|Rotterdam|Utrecht
|Brussels|Ghent|New York|Boston|Chicago|Seattle|Denver|San Diego|Toronto|Vancouver|Mumbai|Pune|Bangalore
|Delhi|Chennai|Sydney|Melbourne|Auckland|Reykjavik|Athens|Budapest|Tallinn|Riga|Austin|Portland
|Hebden Bridge|Aberystwyth|Llandudno|Fort William|Penzance|Wells|Ely|Ripon"""
CITIES = tuple(_CITIES.replace("\n", "").split("|"))
_COUNTRIES = """
Norway|Germany|France|Ireland|Spain|Italy|Switzerland|Iceland|Poland|Sweden|Denmark|Portugal|Austria
|Belgium|the Netherlands|Holland|Finland|Greece|Canada|Australia|New Zealand|the USA|the US|the UK|USA|UK
|India|Japan|China|Turkey|Jersey|Guernsey|Georgia|Jordan|Brazil|Mexico|South Africa|Scotland|Wales|England
|Northern Ireland|Czechia|Hungary|Croatia|Malta|Cyprus|Estonia|Latvia|Luxembourg|Slovenia|Romania|Bulgaria
|Ukraine|Singapore"""
COUNTRIES = tuple(_COUNTRIES.replace("\n", "").split("|"))
_STREETS = """
Mill|Church|Station|High|Victoria|Park|Quay|Castle|Queen's|Green|North|Chapel|Abbey|Orchard|Bridge|Albert
|London|Meadow|Kingsway|Grove|Elm|Oak Tree|Saint Mary's|Harbour|Cherry Tree|Windsor|Manor|School|Spring
|Wellington|Hillside|Old Post Office|Ferry|Ashfield|Lark|Primrose"""
STREETS = tuple(_STREETS.replace("\n", "").split("|"))
ROADS = (
    "Road",
    "Street",
    "Lane",
    "Avenue",
    "Close",
    "Drive",
    "Crescent",
    "Terrace",
    "Court",
    "Way",
    "Gardens",
    "Rd",
    "St",
    "Place",
    "Row",
    "Hill",
)
_COMPANIES = """
Hartnell Landscapes|Bluebird Cafe|Morrow & Sons|Greenfield Academy|Northgate Dental|Peak Outdoor Club
|Royal Mail|DHL|DPD|Evri|Hermes|FedEx|UPS|Yodel|PayPal|Klarna|Barclays|HSBC|Amazon|John Lewis|Monzo
|Lakeside Hotel Group|Studio Finch|Acorn Childcare Ltd|Brightwater Council|Kestrel Films
|Oakwood Primary School|Fenwick Partners LLP|Tesco|Vodafone|Lloyds|Pinder Engineering Ltd|Apple|Microsoft
|Marks and Spencer|Santander|Halfords|Argos|Asos"""
COMPANIES = tuple(_COMPANIES.replace("\n", "").split("|"))
_THINGS = """
Sony WH-1000XM4|iPhone 14|Galaxy S22|Kindle Paperwhite|Dyson V11|MacBook Air|Nikon D3500|Air Max 90
|Osprey Talon 22|Garmin Forerunner 55|Nespresso Vertuo|Switch Lite|Fairphone 5|Lego Technic 42151
|ThinkPad X1|PlayStation 5|Echo Dot|Bosch Serie 4|Meindl Bhutan|Patagonia Nano Puff|Kelly Kettle
|Opinel No. 8|Thermos Light|Jetboil Flash|Vango Nevis 200|Rab Microlight|Petzl Tikka|Deuter Aircontact
|Le Creuset casserole|Anglepoise Type 75"""
THINGS = tuple(_THINGS.replace("\n", "").split("|"))
CODES = (
    "WELCOME",
    "SPRING",
    "AUTUMN",
    "THISTLE",
    "SAVE",
    "STUDENT",
    "SUMMER",
    "TERN",
    "FRIEND",
    "HELLO",
    "XMAS",
    "VIP",
)
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LOOSE_DATES = (
    "yesterday",
    "tomorrow",
    "last week",
    "next week",
    "last weekend",
    "two weeks ago",
    "the day before yesterday",
    "this morning",
    "a week ago",
    "last month",
    "Christmas Eve",
    "Boxing Day",
    "Easter Monday",
    "the 14th",
    "the 3rd",
    "the end of the month",
    "New Year's Eve",
    "the weekend",
    "early next week",
    "this coming Friday",
    "a fortnight ago",
    "mid March",
    "the bank holiday",
    "Black Friday",
)
LOOSE_TIMES = (
    "half past five",
    "quarter to nine",
    "noon",
    "around lunchtime",
    "six in the evening",
    "ten o'clock",
    "7ish",
    "between 2 and 4",
    "after 5",
    "before noon",
    "midday",
    "half 8",
    "early evening",
    "three in the afternoon",
)

"""What we remember: customers, conversations, suggestions, knowledge, accounts, versions.

Knows nobody: no model, no web framework, no channel. It is the only package that touches SQL.
"""

"""The front of house: doors, conversations, decisions. Imports nlp and storage; imported by nobody."""

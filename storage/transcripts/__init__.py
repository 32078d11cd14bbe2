"""Transcripts from elsewhere: files of several desks, read one conversation at a time. Knows no SQL."""

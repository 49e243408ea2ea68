"""The declared platform: one room per stage of the data's way."""

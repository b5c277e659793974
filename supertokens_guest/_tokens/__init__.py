"""Tokens: what a guest may say, is this JWT a guest of ours, and how one is issued."""

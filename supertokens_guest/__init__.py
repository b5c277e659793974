"""Guest sessions for SuperTokens: a visitor's data survives the sign-up."""

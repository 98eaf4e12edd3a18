"""What control decides: which endpoints are declared, which snapshot stands, who applied it."""

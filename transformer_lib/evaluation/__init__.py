"""How good is it, and does it keep its promises (section 6)."""

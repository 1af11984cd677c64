"""Key ring, sealed columns, and the store of wrapped data keys outside the database."""

"""Which columns differ between the groups, and what they say beyond volume and age."""

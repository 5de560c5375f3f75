"""What objects look like in a notebook: small pieces of HTML, everything from data escaped."""

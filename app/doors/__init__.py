"""Access control: host names, origins and tokens. Routes behind `guard` need no checks of their own."""

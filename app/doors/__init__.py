"""Who may come in: names, pages, tokens. Nothing behind `guard` needs checks of its own."""

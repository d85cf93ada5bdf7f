"""The page Side by side: two to four variants of one problem on one clock."""

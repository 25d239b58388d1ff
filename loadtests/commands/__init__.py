"""The commands of `twins`, a module for each family; they parse, call the laboratory and print."""

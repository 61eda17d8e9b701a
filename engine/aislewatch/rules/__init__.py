"""The rule language: from the text of rule files to checked, frozen rules."""

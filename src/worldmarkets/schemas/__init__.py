"""What is said between a venue and those who use it: commands, events and answers as typed structs."""

"""A venue that runs: one order of commands, a journal that is durable before anybody hears of them, the way back."""

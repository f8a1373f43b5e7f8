"""Timed work as a list: docs/spec/time.md in a page."""


class NaiveTimers:
    """Work with a due time, each item named by whoever enters it."""

    def __init__(self):
        self.items = []  # (due, serial, name)
        self.serial = 0

    def schedule(self, name, due):
        self.serial += 1
        self.items.append((due, self.serial, name))

    def cancel(self, name):
        self.items = [item for item in self.items if item[2] != name]

    def delay(self, name, due):
        self.cancel(name)
        self.schedule(name, due)

    def get_order(self):
        """The names, in the order in which they come due."""
        return [name for _, _, name in sorted(self.items)]

    def get_next(self):
        """When the first is due, or None."""
        return min(self.items)[0] if self.items else None

    def get_due(self, now):
        """The names that are due, in order."""
        return [name for due, _, name in sorted(self.items) if due <= now]

    def has(self, name):
        """Say whether work of this name waits."""
        return any(item[2] == name for item in self.items)

    def take(self):
        """Take the first item out; return its name."""
        first = min(self.items)
        self.items.remove(first)
        return first[2]

"""What has been logged at length and would be logged again: a script that cannot be loaded fails with every request."""

REPEATED_SECONDS = 60


class Repeats(object):
    """Knows by a key what was told last."""

    def __init__(self):
        # key -> [what was told, when, how often it has come since]
        self.told = {}

    def count(self, key, what, now):
        """How often that has come since it was told at length; 0: it is to be told now."""
        known = self.told.get(key)
        if known is None or known[0] != what or now - known[1] >= REPEATED_SECONDS:
            self.told[key] = [what, now, 0]
            return 0
        known[2] += 1
        return known[2]

    def forget(self, key):
        self.told.pop(key, None)

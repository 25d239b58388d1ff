"""From verdicts to pages: pure functions of the archive; no figure is made here, only shown."""

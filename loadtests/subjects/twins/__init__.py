"""The first subject: one service twice, its table of servers, scenarios, verification, upstream and plans."""

"""From statuses to findings, from findings to alarms and plans; and what is stuck is rebuilt."""

"""ThingsBoard's REST interface over twisted.web."""

"""From what is wrong now to messages: to whom, when, and when again. No network and no clock."""

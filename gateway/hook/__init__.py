"""A call of the ladder goes to a webhook, by the Standard Webhooks specification.

`send.py` is the program that the daemon runs for it, as it runs any other program of an alarm;
`post.py` makes one signed request; `targets.py` reads the secret file of addresses.
"""

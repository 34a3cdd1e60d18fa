"""A month of a county's homes in simulated time: what its desk would be told, and how soon it hears of who needs help.

    make month SEED=7            45 homes, 30 days; also HOMES=, DAYS=, and TRUE=: so many times as many true emergencies
    make month SEED=7 ONLY=3,24  the same county, but only home-003 and home-024 are lived: what happened there
    make month SEED=7 REPEATS=1  doors say their state with each sign of life too

`homes` says who lives where with which sensors, and how often what happens, each figure with its ground; `life` draws the month of a
home from that; `box` is the home's gateway, the real one but for its loop, its radio and its broker; `desk` is the platform; `table`
counts. The same seed gives the same table.
"""

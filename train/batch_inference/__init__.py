"""Archives of any size, scored on Ray Data: ``python -m train score``.

Enter through ``score.score``. ``archive`` says what is to be scored, block by block; ``scorer`` is what each of Ray's
actors does with a block; ``shards`` keeps what came back and knows what is missing; ``cluster`` starts Ray or joins it.
"""

"""The Transformer of "Attention Is All You Need", one idea to a file.

Read in this order; imports only ever go down this list.

1. `config`: all settings.
2. `layers`: attention, masks, multihead, window, feedforward, embedding, positional,
   normalization, dropout, residual (sections 3.1 to 3.5). `data`: corpora, tokenizer, batches.
3. `models`: numpy_transformer (the whole on one page), seq2seq (what all models can do), encoder,
   decoder, transformer (3.1); rnn (1), convs2s (2).
4. `training` (5), `decoding` (6.1), `evaluation` (6), `figures`.
5. `recipe` (from settings to a trained run), `translator`, `scoring`, `cli`: the pieces put
   together.

What is there for speed alone stands in `fast`, beside the plain form that it must equal.
"""

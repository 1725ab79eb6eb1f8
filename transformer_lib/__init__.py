"""The Transformer of "Attention Is All You Need", one idea to a file.

Read in this order; imports only ever go down this list.

1. `settings` (fields that check themselves), `config`: all settings. `presets`: the book's runs.
2. `layers`: attention, multihead, masks, feedforward, embedding, positional, normalization,
   residual (sections 3.1 to 3.5). `data`: corpora, tokenizer, batches (5.1).
3. `models`: seq2seq (what all models share), encoder, decoder, transformer (3.1); rnn (1),
   convs2s (2).
4. `training` (5), `decoding` (6.1), `evaluation` (6), `figures`.
5. `recipe` (from settings to a trained run), `translator`, `scoring`, `cli`: the pieces put
   together.
"""

"""What training does for speed alone. Each part changes nothing that is computed; tests hold it.

Here                Plain form                       What it gains
loss.projected_nll  token_nll(hidden @ weight.T)     the logits never exist together
memory              nothing                          less time in the allocator, fewer kernels kept
graphs.Recorded     update.add_gradient              Python launches no kernels (CUDA)

A reader of the book can go past it.
"""

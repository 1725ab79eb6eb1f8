import pytest
import torch

from transformer_lib.evaluation.alignment import (
    alignment_error_rate,
    merge_pieces,
    strongest,
    words_of_pieces,
)


def test_pieces_belong_to_the_word_they_lie_in():
    pieces = ["The", " ol", "d", " ", "man", "."]
    assert words_of_pieces(pieces, ["the", "old", "man", "."]) == [0, 1, 1, -1, 2, 3]


@pytest.mark.parametrize("words", [["the", "man"], ["old", "the"], ["the", "old", "cat"]])
def test_words_that_are_not_there_are_refused(words):
    with pytest.raises(ValueError, match="does not follow"):
        words_of_pieces(["the", " old", " man"], words)


def test_merging_sums_over_source_pieces_and_averages_over_target_pieces():
    weights = torch.tensor([[0.5, 0.2, 0.2, 0.1], [0.1, 0.3, 0.5, 0.1], [0.0, 0.1, 0.1, 0.8]])
    merged = merge_pieces(weights, tgt_words=[0, 0, 1], src_words=[0, 1, 1, -1])
    torch.testing.assert_close(merged, torch.tensor([[0.3, 0.6], [0.0, 0.2]]))


def test_merging_whole_words_keeps_every_weight():
    weights = torch.rand(3, 4).softmax(dim=-1)
    torch.testing.assert_close(merge_pieces(weights, [0, 1, 2], [0, 1, 2, 3]), weights)


def test_the_strongest_source_word_is_taken():
    assert strongest(torch.tensor([[0.1, 0.9], [0.6, 0.4], [0.2, 0.8]])) == {(1, 0), (0, 1), (1, 2)}


def test_error_rate_is_its_formula_over_all_sentences():
    gold = [{(0, 0), (1, 1), (2, 1)}, {(0, 0)}]
    assert alignment_error_rate(gold, gold) == 0
    assert alignment_error_rate([{(0, 1)}, {(1, 0)}], gold) == 1
    # 2 links right, 3 found, 4 gold: 1 - 2 * 2 / 7; the mean over sentences would be another number
    assert alignment_error_rate([{(0, 0), (1, 1)}, {(1, 0)}], gold) == pytest.approx(3 / 7)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"shape \[2, 3\].*1 target and 3 source"):
        merge_pieces(torch.rand(2, 3), [0], [0, 1, 2])
    with pytest.raises(ValueError, match="no piece belongs to a word"):
        merge_pieces(torch.rand(1, 1), [-1], [0])
    with pytest.raises(ValueError, match="1 alignments and 2 gold"):
        alignment_error_rate([set()], [set(), set()])
    with pytest.raises(ValueError, match="no link"):
        alignment_error_rate([set()], [set()])

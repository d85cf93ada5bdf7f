"""State dicts of models that have no codebook: nothing is found in them, and nothing offered."""

import pytest
import torch
from saving import save
from torch import nn

from vqcore.checkpoints.reader import open_checkpoint


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.pos_emb = nn.Parameter(torch.zeros(1, 32, 16))
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True) for _ in range(2))
        self.proj = nn.Linear(16, 16)
        self.lm_head = nn.Linear(16, 100, bias=False)


class TiedModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(100, 16)
        self.embedding_proj = nn.Linear(16, 16)
        self.embeddings = nn.Embedding(100, 16)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(16, 8, bias=False)
        self.register_buffer("usage_ema", torch.rand(8))
        self.w1, self.w2 = nn.Parameter(torch.randn(8, 16, 32)), nn.Parameter(torch.randn(8, 32, 16))
        self.gate = nn.Parameter(torch.randn(8, 16))


class KeyValueMemory(nn.Module):
    def __init__(self):
        super().__init__()
        self.keys, self.values = nn.Parameter(torch.randn(64, 16)), nn.Parameter(torch.randn(64, 16))
        self.register_buffer("usage", torch.rand(64))


class ImageTransformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, 16, 4, 4)})
        self.cls_token, self.pos_embed = nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.zeros(1, 65, 16))
        self.class_emb = nn.Embedding(10, 16)
        self.blocks = nn.ModuleList(nn.TransformerEncoderLayer(16, 2, 32) for _ in range(2))


class PooledCentroids(nn.Module):
    """NetVLAD's centroids, and a classifier's prototypes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(16, 8, 1)
        self.centroids = nn.Parameter(torch.randn(8, 16))


class QuestionAnswering(nn.Module):
    def __init__(self):
        super().__init__()
        self.vqa = nn.ModuleDict({"embedding": nn.Embedding(50, 16)})
        self.quantile_head = nn.Linear(16, 9)


class Recommender(nn.Module):
    def __init__(self):
        super().__init__()
        self.user_embedding, self.item_embedding = nn.Embedding(50, 8), nn.Embedding(70, 8)


def convolutions() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.Linear(8, 10))


MODELS = {
    "language model": LanguageModel,
    "tied tables": TiedModel,
    "experts": Experts,
    "key-value memory": KeyValueMemory,
    "image transformer": ImageTransformer,
    "convolutions": convolutions,
    "pooled centroids": PooledCentroids,
    "question answering": QuestionAnswering,
    "recommender": Recommender,
    "recurrent": lambda: nn.LSTM(8, 16, num_layers=2, bidirectional=True),
    "without bias": lambda: nn.LSTM(8, 16, bias=False),
    "transformer": lambda: nn.Transformer(16, 2, 2, 2, 32, batch_first=True),
    "perceptron": lambda: nn.Sequential(nn.Linear(16, 16, bias=False), nn.PReLU(16), nn.Linear(16, 16, bias=False)),
    "bilinear": lambda: nn.Bilinear(4, 5, 6),
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(16, 16)),
}


@pytest.mark.parametrize("way", ["bare", "lightning"])
@pytest.mark.parametrize("kind", MODELS)
def test_nothing_is_found_and_nothing_offered(kind, way, tmp_path):
    checkpoint = open_checkpoint(save(way, MODELS[kind]().state_dict(), tmp_path))
    assert checkpoint.codebooks == ()
    assert checkpoint.implicit == ()
    assert [one for one in checkpoint.candidates if one.score >= 3] == []

"""How the heads in data/pretraining_heads.safetensors were trained."""

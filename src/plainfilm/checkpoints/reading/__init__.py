"""What families of checkpoints share: opening the file, finding its settings, naming its tensors."""

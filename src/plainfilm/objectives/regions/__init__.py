"""What objectives of region models share: prompts, boxes and sentences encoded once, and losses of them."""

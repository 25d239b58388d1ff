"""The folder that servers find `bare` in; nothing else of ours is imported by what they serve."""

"""The environments' names for Gymnasium, which calls :func:`register` when it is imported."""


def register() -> None:
    """Register ``wayside/Offloading-v0``; called within Gymnasium's namespace ``wayside``."""
    import gymnasium

    gymnasium.register(
        id="Offloading-v0",
        entry_point="wayside.env:OffloadingEnv",
        vector_entry_point="wayside.vector:OffloadingVectorEnv",
    )

"""The revisions, in their order. One that was released is never changed."""

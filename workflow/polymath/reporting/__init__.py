"""Tables to what people look at: figures, pages, tables for a paper."""

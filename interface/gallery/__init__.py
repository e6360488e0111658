"""The gallery of mistakes as data: its files read and checked, filters, pictures, the ISIC Archive. Enter through
``gallery.Gallery.load``.
"""

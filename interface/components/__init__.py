"""What several tabs use: the photo stage, sliders, the result card, figures, the PDF, the theme."""

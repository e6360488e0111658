"""Clinical scenes whose truth is known: a lesion set into skin of six tones, with a doctor's marks beside it.

Shares no code with training: skin is ``tests.rendering``'s, lesions are blended in by Poisson's equation (Pérez et al.
2003), and every mark is drawn with Pillow. ``composing.scenes`` gives them all.
"""

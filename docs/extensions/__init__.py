"""What the site is built with: formulas as MathML, pages of models and papers, the gallery."""

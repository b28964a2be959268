"""The words that need explaining, each with two plain sentences; the one place where they are explained.

    st.markdown(f"Its {term('KL')} is small.", unsafe_allow_html=True)   a dotted underline, its meaning under the pointer
    st.metric("SSIM", 0.54, help=meaning("SSIM"))                        Streamlit's own (?), for labels of widgets and figures

The dotted word opens under a mouse, with the Tab key and on a tap; its style is in `app/frame.py`.
"""

from __future__ import annotations

import html

GLOSSARY = {
    "VAE": "A variational autoencoder: an encoder that turns a picture into a few numbers, and a decoder that draws the picture "
    "again from them. Because it is trained with noise on those numbers, nearby points decode to similar pictures.",
    "encoder": "The half of the network that looks at a picture and says where it lies in latent space. It answers with a mean "
    "and a spread for each latent unit, not with one point.",
    "decoder": "The half of the network that draws a picture from a point z. It has never seen the picture itself, only z.",
    "latent space": "The space of all points z: every point of it decodes to a picture. With two units it is a plane, which the "
    "map shows.",
    "latent unit": "One of the few numbers that describe a picture for the model, a coordinate of z. What a unit stands for is "
    "learned; nobody assigned it a meaning.",
    "z": "The point that stands for a picture in latent space, one number per latent unit. The decoder draws its picture from "
    "nothing but z.",
    "z_mean": "The middle of where the encoder places a picture, one number per latent unit. Positions on the maps, neighbours "
    "and distances all use it.",
    "sigma": "How unsure the encoder is about a unit: the standard deviation of the posterior around z_mean. A sigma near 1 "
    "means that the unit says nothing about the picture.",
    "prior": "What the model expects of z before it has seen a picture: a standard normal distribution in every unit. Pictures "
    "sampled from the prior are the model's own inventions.",
    "posterior": "Where a picture may lie in latent space after the encoder has seen it: a bell around z_mean, as wide as sigma. "
    "In training z is drawn from this bell.",
    "aggregate posterior": "All the posteriors of many pictures laid on top of each other, q(z). Where it is high the decoder "
    "has had practice; where it is low it improvises.",
    "reconstruction": "The picture that the decoder draws from the z of another one. The closer it is to the original, the more "
    "of the picture fits into z.",
    "reconstruction loss": "How badly pictures are rebuilt, summed over all pixels, in nats. Lower is better, and it cannot fall "
    "below the floor.",
    "KL": "The Kullback-Leibler divergence: how far the posterior of a picture is from the prior, that is how much z tells about "
    "the picture, in nats. It is the price that the model pays for remembering.",
    "ELBO": "The evidence lower bound, the score that a VAE is trained to raise: −ELBO is the reconstruction loss plus the KL. "
    "A lower −ELBO is better.",
    "IWAE": "A tighter estimate of how likely a picture is, from many samples of z instead of one. It is never better than the "
    "truth and never worse than the ELBO, on average.",
    "loss": "What training pushes down: the reconstruction loss plus beta times the KL. Losses at different beta are different "
    "sums and do not compare.",
    "nats": "The unit of information behind natural logarithms; one nat is 1.44 bits. A model that saves a nat per picture "
    "makes it 2.7 times as likely.",
    "beta": "The weight of the KL in the loss. Above 1 the latent space gets smoother and pictures blurrier; below 1 the other "
    "way round.",
    "free bits": "An allowance of KL per latent unit, in nats, that costs nothing in training. It keeps units from being "
    "switched off early on.",
    "KL warm-up": "Raising the weight of the KL slowly from 0 at the start of training. Units get a chance to become useful "
    "before they have to pay.",
    "BCE": "Binary cross-entropy: the reconstruction loss for pixels between 0 and 1, read as probabilities. Lower is better, "
    "but for grey pixels it cannot reach 0: see floor.",
    "floor": "The least reconstruction loss that is possible for these pixels, their own entropy. Only what lies above the "
    "floor can be improved.",
    "excess": "How far the reconstruction loss lies above the floor, in nats. This is the part that a better model could save.",
    "MSE": "Mean squared error: the average squared difference between the pixels of two pictures, with pixels from 0 to 1. "
    "Lower is better, and 0 means identical.",
    "PSNR": "Peak signal-to-noise ratio: the squared error on a logarithmic scale, in decibels. Higher is better; 6 dB more is "
    "half the error per pixel.",
    "SSIM": "Structural similarity: how alike two pictures are in local brightness, contrast and pattern. 1 means identical, "
    "around 0 means nothing in common.",
    "active unit": "A latent unit that is used: its z_mean varies from picture to picture, with a variance above 0.01. The "
    "others ignore the picture.",
    "collapse": "When latent units carry nothing about the picture, because ignoring them was cheaper in training. Their KL is "
    "close to 0 and turning them changes nothing.",
    "nearest-neighbour accuracy": "The share of pictures whose 15 nearest training pictures in latent space vote for their "
    "class. The model never saw the classes, so it shows how well latent space sorts them by itself.",
    "epoch": "One pass over all training pictures. How many steps it has depends on how many pictures there are.",
    "step": "One update of the network's weights, after looking at one batch of pictures. Steps, not epochs, say how much a "
    "model has been trained.",
    "batch": "The pictures that are looked at together in one step. More of them make a step steadier and slower.",
    "learning rate": "How far one step moves the weights. Too high and training jumps about or fails, too low and it takes "
    "forever.",
    "EMA": "An exponential moving average of the weights over the last steps, which is measured and kept instead of the weights "
    "themselves. It is steadier than any single step.",
    "train": "The pictures that the model learns from. Figures on them flatter the model, since it has seen them.",
    "validation": "Pictures held out of training, used to choose settings and thresholds. The model does not learn from them.",
    "test": "Pictures used for nothing but the final figures. Neither training nor any choice has looked at them.",
    "overfitting": "When a model gets better on the pictures it trains on and no better, or worse, on others. The gap between "
    "the train and validation losses shows it.",
    "traversal": "A row of pictures in which one latent unit changes and the others stay. It shows what that unit stands for.",
    "channel": "One of the maps that a layer makes of its input, each with a filter of its own. A bright spot is a strong "
    "response, not a sign of importance.",
    "activation": "What a layer answers to a picture: a number per place and channel. Its size says how strongly the filter "
    "responds, not how much it matters.",
    "preset": "A ready-made architecture: “swift” is fast and sees several resolutions, “classic” is the textbook network with "
    "two convolutions. It decides how many weights there are.",
    "parameters": "The numbers that training adjusts, also called weights. More of them can remember more, and take longer.",
    "likelihood": "How the model scores pixels: “bernoulli” reads each as a probability, “gaussian” as a value with an error. "
    "Figures of the two do not compare.",
    "snapshot": "The model as it was at one step of its training, kept for the timeline. It can be opened like any other model.",
}


def meaning(name: str) -> str:
    """The two sentences of a term, for `help=`.

    Raises:
        KeyError: The glossary does not have the term.
    """
    return GLOSSARY[name]


def term(name: str, words: str | None = None) -> str:
    """A term in running text, to be shown with `unsafe_allow_html=True`: underlined with dots, explained on hover, focus and tap.

    Args:
        name: Of the glossary.
        words: What the text calls it; its name by default. A constant: never a name that somebody else gave.

    Raises:
        KeyError: The glossary does not have the term.

    >>> term("nats").startswith('<dfn class="term" tabindex="0">nats<span class="meaning" hidden>')
    True
    """
    return (
        f'<dfn class="term" tabindex="0">{html.escape(words or name)}'
        f'<span class="meaning" hidden>{html.escape(GLOSSARY[name], quote=False)}</span></dfn>'
    )

"""The least a Streamlit app can be: what its first paint takes is what any page must take."""

import streamlit as st

st.set_page_config("Empty", layout="wide")
st.title("Empty", anchor=False)

"""Small musical scores."""

from pathlib import Path

Note = tuple[int, float, float]


def write_midi(path: Path, notes: list[Note], drums: list[Note] | None = None) -> Path:
    """Write notes (pitch, start, end), drums apart, to a MIDI file."""
    import pretty_midi

    midi = pretty_midi.PrettyMIDI()
    for part, is_drum in ((notes, False), (drums or [], True)):
        instrument = pretty_midi.Instrument(program=0, is_drum=is_drum)
        instrument.notes = [pretty_midi.Note(80, pitch, start, end) for pitch, start, end in part]
        midi.instruments.append(instrument)
    path.parent.mkdir(parents=True, exist_ok=True)
    midi.write(str(path))
    return path

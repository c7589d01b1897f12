namespace Agora.Rest;

internal sealed class ThumbJson() : TwoWordsJson<Thumb>((Thumb.Up, "up"), (Thumb.Down, "down"));

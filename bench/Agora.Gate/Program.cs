using Agora.Gate;

// Measures the figures that README and docs promise, and fails where one is beyond its bound. The bounds are generous:
// they notice a regression by a factor, on any machine.

List<Figure> figures =
[
    .. await MarketplaceFigures.MeasureAsync(),
    .. await PeerFigures.MeasureBroadcastAsync(),
    .. await PeerFigures.MeasureProductsAsync(),
];

Console.WriteLine("| figure | promised | bound of this gate | measured | |");
Console.WriteLine("|---|---:|---:|---:|---|");
figures.ForEach(Console.WriteLine);
return figures.All(f => f.Holds) ? 0 : 1;

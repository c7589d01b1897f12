namespace Agora.Evaluation;

/// <summary>Shows how the evaluation goes on.</summary>
public interface IScreen
{
    /// <summary>Prints a line.</summary>
    void Say(string line);

    /// <summary>Shows the progress of some work until it ends.</summary>
    /// <param name="title">What goes on.</param>
    /// <param name="done">The progress, 0 to 1; called a few times a second.</param>
    /// <param name="work">The work; awaited, so that its exception comes through.</param>
    Task ShowAsync(string title, Func<double> done, Task work);
}

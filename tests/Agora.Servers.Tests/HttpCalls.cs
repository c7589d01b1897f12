using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Agora.Rest;

namespace Agora.Servers.Tests;

internal static class HttpCalls
{
    public static async Task<T> PostAsync<T>(this HttpClient server, string path, object body) =>
        await server.SendAsync(HttpMethod.Post, path, body).OkAsync<T>();

    public static async Task<HttpResponseMessage> SendAsync(
        this HttpClient server,
        HttpMethod method,
        string path,
        object? body = null,
        string? key = null,
        string? token = null
    )
    {
        using var request = new HttpRequestMessage(method, path);
        request.Content = body switch
        {
            null => null,
            HttpContent content => content,
            _ => JsonContent.Create(body, body.GetType()),
        };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }

        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return await server.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>
    /// The answer's record, as clients read it; if it is an error, the test fails with the server's text.
    /// </summary>
    public static async Task<T> OkAsync<T>(this Task<HttpResponseMessage> answer)
    {
        using var response = await answer;
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, $"{(int)response.StatusCode}: {text}");
        return JsonSerializer.Deserialize(text, (JsonTypeInfo<T>)AgoraJson.Default.GetTypeInfo(typeof(T))!)!;
    }

    /// <summary>The answer's problem, checked for what every problem must have.</summary>
    public static async Task<Problem> ProblemAsync(this Task<HttpResponseMessage> answer, int status, string code)
    {
        using var response = await answer;
        return await response.ProblemAsync(status, code);
    }

    public static async Task<Problem> ProblemAsync(this HttpResponseMessage response, int status, string code)
    {
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(status == (int)response.StatusCode, $"{(int)response.StatusCode}: {text}");
        Assert.Equal(Problem.MediaType, response.Content.Headers.ContentType?.MediaType);
        var problem = JsonSerializer.Deserialize(text, AgoraJson.Default.Problem)!;
        Assert.Equal(code, problem.Code);
        Assert.Equal(status, problem.Status);
        Assert.False(string.IsNullOrWhiteSpace(problem.Title));
        Assert.False(string.IsNullOrWhiteSpace(problem.Detail));
        return problem;
    }

    /// <summary>The answer's status.</summary>
    public static async Task<int> StatusAsync(this Task<HttpResponseMessage> answer)
    {
        using var response = await answer;
        return (int)response.StatusCode;
    }
}

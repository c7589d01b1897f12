namespace Agora.Servers.Tests;

/// <summary>Somebody with a session.</summary>
internal sealed record Caller(HttpClient Server, string Token, long Id, string Username)
{
    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string path,
        object? body = null,
        string? key = null
    ) => Server.SendAsync(method, path, body, key, Token);

    public async Task<T> GetAsync<T>(string path) => await SendAsync(HttpMethod.Get, path).OkAsync<T>();

    public async Task<T> PostAsync<T>(string path, object? body = null, string? key = null) =>
        await SendAsync(HttpMethod.Post, path, body, key).OkAsync<T>();
}

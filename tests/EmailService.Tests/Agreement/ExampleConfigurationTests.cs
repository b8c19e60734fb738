using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using EmailService.Platform;
using Microsoft.AspNetCore.Builder;

namespace EmailService.Tests.Agreement;

/// <summary><c>deploy/emailservice.example.json</c> names every setting, with the default that the program has.</summary>
public sealed class ExampleConfigurationTests
{
    private const string Example = "deploy/emailservice.example.json";

    // Their defaults are the machine's own; the file says so in words.
    private static readonly string[] OfTheMachine = ["PlatformOptions.HostName"];

    [Fact]
    public void Example_is_read_without_a_problem_and_gives_the_defaults()
    {
        var defaults = Bound([]);
        var example = Bound(["--config", Path.Combine(Repository.Root, Example)]);

        Assert.NotEmpty(defaults);
        Assert.Equal(defaults.Keys.Order(StringComparer.Ordinal), example.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, value) in defaults)
        {
            Assert.Equal($"{name} = {value}", $"{name} = {example[name]}");
        }
    }

    [Fact]
    public void Every_setting_is_in_the_example()
    {
        using var document = JsonDocument.Parse(
            Repository.Read(Example), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        var root = document.RootElement.GetProperty(OptionsBinder.Root);

        var missing = Records()
            .SelectMany(record => Settings(record.Type).Select(property => (record.Section, property.Name)))
            .Where(setting => !(setting.Section.Length == 0 ? root : Section(root, setting.Section)).TryGetProperty(setting.Name, out _))
            .Select(setting => $"{setting.Section}:{setting.Name}");

        Assert.Empty(missing);
    }

    [Fact]
    public void Every_record_of_options_is_bound()
    {
        var ofTheAssembly = typeof(ServiceHost).Assembly.GetTypes()
            .Where(type => type is { IsAbstract: false } && type.Name.EndsWith("Options", StringComparison.Ordinal) && Settings(type).Any())
            .Select(type => type.Name);

        Assert.Equal(ofTheAssembly.Order(StringComparer.Ordinal), Records().Select(record => record.Type.Name).Order(StringComparer.Ordinal));
    }

    private static JsonElement Section(JsonElement root, string name) =>
        root.TryGetProperty(name, out var section) ? section : JsonDocument.Parse("{}").RootElement;

    /// <summary>Each setting by record and name, with its value as text.</summary>
    private static Dictionary<string, string> Bound(string[] arguments)
    {
        var values = new Dictionary<string, string>();
        Build(arguments, instance =>
        {
            foreach (var property in Settings(instance.GetType()))
            {
                values[$"{instance.GetType().Name}.{property.Name}"] = Text(property.GetValue(instance));
            }
        });
        foreach (var name in OfTheMachine)
        {
            values.Remove(name);
        }

        return values;
    }

    private static List<(string Section, Type Type)> Records()
    {
        var records = new List<(string, Type)>();
        Build([], instance => records.Add((SectionOf(instance.GetType()), instance.GetType())));
        return records;
    }

    // By convention: DeliverOptions is the section Deliver, and PlatformOptions the root.
    private static string SectionOf(Type type) => type == typeof(PlatformOptions) ? "" : type.Name[..^"Options".Length];

    private static void Build(string[] arguments, Action<object> see)
    {
        using var app = (IDisposable)ServiceHost.Build(arguments, builder =>
        {
            foreach (var instance in builder.Services
                .Where(service => service is { IsKeyedService: false, ImplementationInstance: ICheckedOptions })
                .Select(service => service.ImplementationInstance!))
            {
                see(instance);
            }
        });
    }

    private static IEnumerable<PropertyInfo> Settings(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    private static string Text(object? value) => value switch
    {
        null => "null",
        string text => text,
        IEnumerable items => string.Join(", ", items.Cast<object>().Select(Text)),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };
}

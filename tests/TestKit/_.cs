namespace EmailService.TestKit;
